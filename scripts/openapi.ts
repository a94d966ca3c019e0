// docs/openapi.json: the API's description, as the server gives it at /openapi.json.
import { createOpenApiDocument } from '../src/api/openapi/document.ts';
import { VERSION } from '../src/base/version.ts';

export function renderOpenApi(): string {
  return `${JSON.stringify(createOpenApiDocument(VERSION), null, 2)}\n`;
}
