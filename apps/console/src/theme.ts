import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

const teal: MantineColorsTuple = [
  '#e9f7f4',
  '#d6ece7',
  '#aad9cf',
  '#7ac5b6',
  '#52b4a1',
  '#2f9f8c',
  '#1b8676',
  '#0c6b62',
  '#09574f',
  '#05443e',
];

// A font of the system for every script: nothing to load, and Arabic looks as people know it.
const fontFamily =
  '"Segoe UI Variable Text", "Segoe UI", system-ui, -apple-system, "Noto Sans", "Noto Sans Arabic", "Geeza Pro", Tahoma, sans-serif';

export const theme = createTheme({
  colors: { teal },
  primaryColor: 'teal',
  primaryShade: 7,
  autoContrast: true,
  defaultRadius: 'md',
  fontFamily,
  headings: { fontFamily, fontWeight: '600' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    InputWrapper: { styles: { label: { marginBlockEnd: 4 } } },
    Modal: { styles: { title: { fontWeight: 600 } } },
    Drawer: { styles: { title: { fontWeight: 600 } } },
    Tooltip: { defaultProps: { openDelay: 500, withArrow: true } },
    Menu: { defaultProps: { shadow: 'md', withInitialFocusPlaceholder: false } },
  },
});

/** Mantine's own texts in the colours of ours. */
const mantine = {
  '--mantine-color-text': 'var(--app-text)',
  '--mantine-color-dimmed': 'var(--app-dim)',
  '--mantine-color-placeholder': 'var(--app-dim)',
  '--mantine-color-error': 'var(--app-danger)',
};

/** Colours of the surfaces; every pair of text and background here is at least 4.5 to 1. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    ...mantine,
    '--app-rail': '#0b4f49',
    '--app-rail-text': '#d7ebe7',
    '--app-rail-active': '#0c6b62',
    '--app-pane': '#ffffff',
    '--app-room': '#f3f5f3',
    '--app-line': '#e2e7e4',
    '--app-hover': '#f0f4f2',
    '--app-selected': '#dff0ec',
    '--app-text': '#1c2523',
    '--app-dim': '#56625f',
    '--app-own': '#d3ede6',
    '--app-own-dim': '#40615a',
    '--app-other': '#ffffff',
    '--app-accent': '#0c6b62',
    '--app-read': '#0f6fb3',
    '--app-danger': '#b42318',
    '--app-badge': '#0c6b62',
    '--app-badge-text': '#ffffff',
  },
  dark: {
    ...mantine,
    '--app-rail': '#0d1f1d',
    '--app-rail-text': '#b8cdc9',
    '--app-rail-active': '#17413c',
    '--app-pane': '#171c1b',
    '--app-room': '#101413',
    '--app-line': '#2a3230',
    '--app-hover': '#1e2523',
    '--app-selected': '#1d3834',
    '--app-text': '#e4eae8',
    '--app-dim': '#9aa7a3',
    '--app-own': '#1b4740',
    '--app-own-dim': '#a5c9c1',
    '--app-other': '#202725',
    '--app-accent': '#6cc5b5',
    '--app-read': '#74c7ff',
    '--app-danger': '#ff8f85',
    '--app-badge': '#52b4a1',
    '--app-badge-text': '#06231f',
  },
});
