export * from './chat.ts';
export * from './objects.ts';
export * from './projects.ts';
export * from './root.ts';
export * from './admin.ts';
