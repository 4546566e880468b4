namespace edgeseg {}
