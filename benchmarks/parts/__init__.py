"""`edgeseg bench --what parts`: what encoder, scores, upsampling and head of a network take."""
