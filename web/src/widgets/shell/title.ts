import { useEffect } from 'react';

/** The tab's name; it survives navigation, and says the page before the product. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Vigie`;
  }, [title]);
}
