// Which time zone names exist, exactly as the IANA database spells them. Intl alone cannot tell: it
// takes any case, offsets and abbreviations of its own (`utc`, `+02:00`, `IST`), lists no aliases,
// and answers with another spelling than it was asked for.
import { ZONE_NAMES } from './zone-names.generated.ts';

const names: ReadonlySet<string> = new Set([
  ...ZONE_NAMES,
  // Zones that this runtime knows and that are younger than the list.
  ...Intl.supportedValuesOf('timeZone'),
]);

/** Whether `name` is a zone or an alias of one, in its exact spelling, that this runtime can use. */
export function isZone(name: string): boolean {
  return names.has(name) && isUsable(name);
}

/** False for a zone that is younger than the runtime. */
function isUsable(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
