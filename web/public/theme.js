// Runs before the first paint, so that the page never flashes in the wrong theme. Kept apart: the policy allows no inline script.
(function () {
  var wanted = 'system';
  try {
    wanted = JSON.parse(localStorage.getItem('vigie.preferences') || '{}').theme || 'system';
  } catch {
    wanted = 'system';
  }
  var dark = wanted === 'dark' || (wanted === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();
