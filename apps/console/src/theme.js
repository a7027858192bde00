// Runs before the page is painted, so that it never shows the wrong theme.
const theme = localStorage.getItem('posthorn.theme');
if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
