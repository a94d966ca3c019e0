import { describe, expect, it } from 'vitest';
import { createClient, type Client } from '../../client/client.ts';
import { findWorkspace } from './find.ts';

const PREBUILD = 'prebuild-abc234';

/** Whose questions are answered so, and written down. */
function answering(
  status: number,
  body: object,
): { readonly client: Client; readonly asked: string[] } {
  const asked: string[] = [];
  const client = createClient({
    url: 'http://host:1',
    fetch: (url) => {
      asked.push(url.replace('http://host:1/api/v1/', ''));
      return Promise.resolve(Response.json(body, { status }));
    },
  });
  return { client, asked };
}

const NOTHING = { items: [], next_cursor: null };

describe('the workspace that a person means', () => {
  it('is one of their own by its name', async () => {
    const { client, asked } = answering(200, NOTHING);
    await expect(findWorkspace(client, 'mine')).rejects.toMatchObject({
      ...{ code: 'NOT_FOUND', detail: 'you have no workspace "mine"' },
    });
    expect(asked).toEqual(['workspaces?name=mine']);
  });

  it('is a prebuild, whoever has it, by the name that its pool shows', async () => {
    const { client, asked } = answering(200, NOTHING);
    await expect(findWorkspace(client, PREBUILD)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      detail: `there is no prebuild "${PREBUILD}": it may have been claimed, which gave it another name, or deleted`,
    });
    expect(asked).toEqual([`workspaces?name=${PREBUILD}&owner=all`]);
  });

  it('is no prebuild for who may not look at these', async () => {
    const problem = { type: 'urn:x', title: 'X', code: 'FORBIDDEN', detail: 'd', hint: 'h' };
    const { client } = answering(403, { ...problem, status: 403 });
    await expect(findWorkspace(client, PREBUILD)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      detail: `"${PREBUILD}" is the name of a prebuild, which only administrators may look up`,
    });
  });
});
