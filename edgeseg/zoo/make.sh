#!/bin/sh
# Trains, converts and describes the embedded street models, as in the FCN paper: FCN-32 first,
# FCN-16 from it, FCN-8 from that.
#
#   sh edgeseg/zoo/make.sh CAMVID ENCODER_WEIGHTS [OUTPUT]
#
# CAMVID holds train, trainannot, val and valannot (CamVid in SegNet's split, 480x360);
# ENCODER_WEIGHTS is MobileNetV2 0.35 without top, or the word imagenet. About 70 minutes on 2 cores.
set -eu
data=$1 weights=$2 out=${3:-edgeseg/zoo}

train() {
  edgeseg train --data "$data" --val "$data" --encoder mobilenetv2-0.35 --upsampling bilinear \
    --input-size 480x352 --synthetic 0.25 --seed 1 "$@"
}

train --decoder fcn32 --weights "$weights" --epochs 20 --learning-rate 1e-3 -o "$out/fcn32.keras"
train --decoder fcn16 --init "$out/fcn32.keras" --epochs 8 --learning-rate 5e-4 -o "$out/fcn16.keras"
train --decoder fcn8 --init "$out/fcn16.keras" --epochs 26 --learning-rate 5e-4 -o "$out/fcn8.keras"

for name in fcn32 fcn16 fcn8; do
  edgeseg convert "$out/$name.keras" --int8 --calib "$data/train" --masks "$data/trainannot" \
    -o "$out/$name-int8.tflite"
done
# An honest figure beside the near-train one: a shorter run that never sees one of the sequences.
hold=$(mktemp -d)
unseen() {
  edgeseg train --data "$data" --holdout '0006R0*' --encoder mobilenetv2-0.35 --synthetic 0.25 \
    --seed 1 "$@"
}
unseen --decoder fcn32 --weights "$weights" --epochs 10 -o "$hold/fcn32.keras"
unseen --decoder fcn8 --init "$hold/fcn32.keras" --epochs 14 --learning-rate 5e-4 \
  -o "$hold/fcn8.keras"

python3 -m edgeseg.converters.cards --data "$data" --held-out "$hold/fcn8.keras" --folder "$out"
rm -r "$hold"
