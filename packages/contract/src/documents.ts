/** The documents and reference pages that follow from the declarations: `@majlis/contract/documents`, apart so that clients do not load it. */
export { asyncApiDocument, type AsyncApiDocument } from './asyncapi.ts';
export { openApiDocument, templatePath, type OpenApiDocument } from './openapi.ts';
export * from './reference.ts';
export { namespaces, operations, routes } from './surfaces.ts';
