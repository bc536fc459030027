const NAME = 'pik.theme';

/** Applies the theme that was chosen in this browser; without one the system decides. */
export function applyTheme(): void {
  const chosen = localStorage.getItem(NAME);
  if (chosen !== null) document.documentElement.dataset.theme = chosen;
}

/** Switches between light and dark, and remembers it. */
export function switchTheme(): void {
  const { theme } = document.documentElement.dataset;
  const isDark = theme === undefined ? matchMedia('(prefers-color-scheme: dark)').matches : theme === 'dark';
  localStorage.setItem(NAME, isDark ? 'light' : 'dark');
  applyTheme();
}
