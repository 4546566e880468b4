// The picture: input and class map laid over one another here, as this viewer wants them.

const OFF = 0x00000000;

export class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    this.mode = 'overlay';
    this.alpha = 0.5;
    this.off = new Set();
    this.colors = [];
    this.context = canvas.getContext('2d', { alpha: false });
    this.layer = document.createElement('canvas');
    this.layerContext = this.layer.getContext('2d');
    this.table = new Uint32Array(256);
    this.bitmap = null;
    this.classes = null;
  }

  // `colors` as #rrggbb, by class.
  setColors(colors) {
    this.colors = colors;
    this.recolor();
  }

  // Shows a message; see edgeseg/serve/watching.py and pictures.py. Returns its header.
  async show(buffer) {
    const view = new DataView(buffer);
    const length = view.getUint32(4, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
    const start = 8 + length;
    const jpeg = new Blob([new Uint8Array(buffer, start, header.jpeg)], { type: 'image/jpeg' });
    const bitmap = await createImageBitmap(jpeg);
    this.bitmap?.close();
    this.bitmap = bitmap;
    this.classes = decodeMap(header, buffer.slice(start + header.jpeg));
    this.resize(header.width, header.height);
    this.recolor();
    return { ...header, age: view.getFloat32(0, true) };
  }

  resize(width, height) {
    if (this.canvas.width === width && this.canvas.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.canvas.parentElement.style.setProperty('--shape', `${width} / ${height}`);
  }

  // Makes the layer of colours anew: another map, other colours, a class on or off.
  recolor() {
    if (!this.classes) return;
    this.table.fill(OFF);
    this.colors.forEach((color, index) => {
      if (!this.off.has(index)) this.table[index] = packed(color);
    });
    const { width, height } = this.canvas;
    if (this.layer.width !== width || this.layer.height !== height) {
      this.layer.width = width;
      this.layer.height = height;
    }
    const image = this.layerContext.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const { classes, table } = this;
    for (let i = 0; i < pixels.length; i += 1) pixels[i] = table[classes[i]];
    this.layerContext.putImageData(image, 0, 0);
    this.draw();
  }

  draw() {
    if (!this.bitmap) return;
    const { context, canvas } = this;
    context.globalAlpha = 1;
    if (this.mode === 'mask') {
      context.fillStyle = '#16191c';
      context.fillRect(0, 0, canvas.width, canvas.height);
    } else {
      context.drawImage(this.bitmap, 0, 0);
    }
    if (this.mode === 'input') return;
    context.globalAlpha = this.mode === 'mask' ? 1 : this.alpha;
    context.drawImage(this.layer, 0, 0);
  }

  // The class at a place on the screen, null outside the picture.
  classAt(clientX, clientY) {
    if (!this.classes) return null;
    const box = this.canvas.getBoundingClientRect();
    const { width, height } = this.canvas;
    const scale = Math.min(box.width / width, box.height / height);
    const x = Math.floor((clientX - box.left - (box.width - width * scale) / 2) / scale);
    const y = Math.floor((clientY - box.top - (box.height - height * scale) / 2) / scale);
    return x < 0 || y < 0 || x >= width || y >= height ? null : this.classes[y * width + x];
  }
}

function decodeMap({ form, width, height }, buffer) {
  if (form === 'raw') return new Uint8Array(buffer);
  const count = buffer.byteLength / 3;
  const bytes = new Uint8Array(buffer);
  const classes = new Uint8Array(width * height);
  let place = 0;
  for (let run = 0; run < count; run += 1) {
    const end = place + bytes[2 * run] + 256 * bytes[2 * run + 1];
    classes.fill(bytes[2 * count + run], place, end);
    place = end;
  }
  return classes;
}

// As a little-endian word of RGBA, opaque.
function packed(color) {
  const value = parseInt(color.slice(1), 16);
  const [red, green, blue] = [value >> 16, (value >> 8) & 255, value & 255];
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
