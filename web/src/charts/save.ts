import { ink, type Ink } from './ink.ts';

export function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export const saveCsv = (text: string, name: string): void => download(new Blob([text], { type: 'text/csv' }), `${name}.csv`);

export interface Key {
  label: string;
  ink: Ink;
  dash: number[];
}

/** The chart as it is on the screen, on the card's own ground (a bare canvas would be see-through), with its title and keys. */
export function savePng(canvas: HTMLCanvasElement, title: string, name: string, keys: readonly Key[] = []): void {
  const unit = devicePixelRatio;
  const head = 30 * unit;
  const foot = keys.length > 0 ? 26 * unit : 0;
  const copy = document.createElement('canvas');
  copy.width = canvas.width;
  copy.height = canvas.height + head + foot;
  const pen = copy.getContext('2d');
  if (!pen) return;
  pen.fillStyle = ink('surface');
  pen.fillRect(0, 0, copy.width, copy.height);
  pen.fillStyle = ink('ink-2');
  pen.font = `${12 * unit}px system-ui, sans-serif`;
  pen.fillText(title, 12 * unit, 20 * unit);
  pen.drawImage(canvas, 0, head);
  let x = 12 * unit;
  const y = head + canvas.height + 16 * unit;
  for (const key of keys) {
    pen.strokeStyle = ink(key.ink);
    pen.lineWidth = 2 * unit;
    pen.setLineDash(key.dash.map((length) => length * unit));
    pen.beginPath();
    pen.moveTo(x, y - 4 * unit);
    pen.lineTo(x + 16 * unit, y - 4 * unit);
    pen.stroke();
    pen.fillText(key.label, x + 22 * unit, y);
    x += 38 * unit + pen.measureText(key.label).width;
  }
  copy.toBlob((blob) => blob && download(blob, `${name}.png`), 'image/png');
}
