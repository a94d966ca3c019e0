// Claims that must all be hits, each of another workspace, asked for by people in turn.
import type { Claim } from './claim-request.ts';
import type { Ground, Person } from './ground.ts';

export interface Got {
  readonly person: Person;
  readonly workspaceId: string;
}

export type Claimer = (claim: Claim, template: string) => Promise<Got>;

/** A claim that finds nothing, or a workspace that is handed over twice, ends the bench. */
export function createClaimer({ people }: Pick<Ground, 'people'>): Claimer {
  let named = 0;
  const handedOver = new Set<string>();
  return async (claim, template) => {
    const person = people[named % people.length];
    if (person === undefined) throw new Error('there is nobody to claim');
    const name = `${template}-${named++}`;
    const { claimed, workspaceId } = await claim({ person, template, name });
    if (!claimed) throw new Error(`${name} found nothing although enough were ready`);
    if (handedOver.has(workspaceId)) throw new Error(`${workspaceId} was handed over twice`);
    handedOver.add(workspaceId);
    return { person, workspaceId };
  };
}
