/**
 * One tooltip for the whole page. An element says `data-tip="…"`; hovering or focusing it shows the text.
 * No component renders for it, so thousands of figures can carry one.
 */
export function installTips(): void {
  const tip = document.createElement('div');
  tip.id = 'tip';
  tip.role = 'tooltip';
  tip.popover = 'manual';
  document.body.append(tip);
  let owner: Element | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;

  const hide = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (owner?.getAttribute('aria-describedby') === 'tip') owner.removeAttribute('aria-describedby');
    owner = null;
    if (tip.matches(':popover-open')) tip.hidePopover();
  };

  const show = (element: Element) => {
    const text = element.getAttribute('data-tip');
    if (!text || !element.isConnected) return;
    tip.textContent = text;
    // Inside a modal dialog only what is in the dialog is on top; the popover goes above both.
    tip.showPopover();
    place(tip, element.getBoundingClientRect());
    if (element.getAttribute('aria-label') !== text) element.setAttribute('aria-describedby', 'tip');
  };

  const consider = (target: EventTarget | null, delay: number) => {
    const element = target instanceof Element ? target.closest('[data-tip]') : null;
    if (element === owner) return;
    hide();
    if (!element) return;
    owner = element;
    timer = setTimeout(() => show(element), delay);
  };

  document.addEventListener('pointerover', (event) => consider(event.target, 350));
  document.addEventListener('focusin', (event) => {
    if (event.target instanceof Element && event.target.matches(':focus-visible')) consider(event.target, 120);
  });
  document.addEventListener('focusout', hide);
  document.addEventListener('pointerdown', (event) => (event.pointerType === 'touch' && !opens(event.target) ? consider(event.target, 0) : hide()));
  document.addEventListener('keydown', (event) => event.key === 'Escape' && hide());
  window.addEventListener('scroll', hide, { passive: true, capture: true });
}

/** What opens a menu at a press shows that, and no words over it. */
const opens = (target: EventTarget | null): boolean => target instanceof Element && target.closest('[popovertarget], [aria-haspopup], [aria-expanded]') !== null;

function place(tip: HTMLElement, at: DOMRect): void {
  const size = tip.getBoundingClientRect();
  const width = document.documentElement.clientWidth;
  const left = Math.min(Math.max(8, at.left + at.width / 2 - size.width / 2), Math.max(8, width - size.width - 8));
  const below = at.bottom + 6 + size.height < window.innerHeight;
  tip.style.left = `${left}px`;
  tip.style.top = `${below ? at.bottom + 6 : Math.max(4, at.top - size.height - 6)}px`;
}
