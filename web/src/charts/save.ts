import { ink } from './ink.ts';

function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export const saveCsv = (text: string, name: string): void => download(new Blob([text], { type: 'text/csv' }), `${name}.csv`);

/** The chart as it is on the screen, on the card's own ground (a bare canvas would be see-through). */
export function savePng(canvas: HTMLCanvasElement, title: string, name: string): void {
  const head = 30 * devicePixelRatio;
  const copy = document.createElement('canvas');
  copy.width = canvas.width;
  copy.height = canvas.height + head;
  const pen = copy.getContext('2d');
  if (!pen) return;
  pen.fillStyle = ink('surface');
  pen.fillRect(0, 0, copy.width, copy.height);
  pen.fillStyle = ink('ink-2');
  pen.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
  pen.fillText(title, 12 * devicePixelRatio, 20 * devicePixelRatio);
  pen.drawImage(canvas, 0, head);
  copy.toBlob((blob) => blob && download(blob, `${name}.png`), 'image/png');
}
