export * from './declare.ts';
export * from './errors.ts';
export * from './limits.ts';
export * from './problem.ts';
export * from './values.ts';
export * as khawam from './khawam/index.ts';
export * as v2 from './v2/index.ts';
