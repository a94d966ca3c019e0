// The route of the API's description.
import type { Handlers } from '../handler.ts';
import { createOpenApiDocument, type OpenApiDocument } from './document.ts';

export function createDescriptionHandlers(version: string): Handlers<'getOpenApi'> {
  // Made when it is first asked for: most servers never are.
  let document: OpenApiDocument | undefined;
  return {
    getOpenApi: async () => {
      document ??= createOpenApiDocument(version);
      return { status: 200, body: document };
    },
  };
}
