export * from './feed.ts';
export * from './money.ts';
export * from './objects.ts';
export * from './routes.ts';
