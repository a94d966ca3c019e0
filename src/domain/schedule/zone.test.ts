import { describe, expect, it } from 'vitest';
import { ZONE_NAMES } from './zone-names.generated.ts';
import { isZone } from './zone.ts';

describe('a time zone', () => {
  it.each([
    'UTC',
    'Europe/Berlin',
    'Asia/Kolkata',
    'Asia/Calcutta',
    'Europe/Kyiv',
    'Europe/Kiev',
    'US/Eastern',
    'Etc/UTC',
    'Etc/GMT+5',
    'Etc/GMT-14',
    'GMT',
    'EST5EDT',
    'EST',
    'Zulu',
    'NZ-CHAT',
    'America/Argentina/ComodRivadavia',
    'Antarctica/DumontDUrville',
    'America/Port-au-Prince',
  ])('may be %s', (name) => {
    expect(isZone(name)).toBe(true);
  });

  it.each([
    '',
    'utc',
    'Utc',
    'europe/berlin',
    'Europe/berlin',
    'EUROPE/BERLIN',
    'asia/kolkata',
    'Asia/kolkata',
    'us/eastern',
    '+02:00',
    '-0500',
    'UTC+2',
    'GMT+2',
    'Etc/GMT+15',
    'localtime',
    'Factory',
    'posixrules',
    'posix/Europe/Berlin',
    'right/Europe/Berlin',
    'PST',
    'IST',
    'CEST',
    'Europe',
    'Europe/',
    ' Europe/Berlin',
    'Europe/Berlin ',
    'Europe\\Berlin',
    '../Europe/Berlin',
    'Mars/Base',
    'Etc/Unknown',
    '__proto__',
    'toString',
  ])('may not be %j', (name) => {
    expect(isZone(name)).toBe(false);
  });

  it('is usable for every name that is listed', () => {
    expect(ZONE_NAMES.filter((name) => !isZone(name))).toEqual([]);
    expect(ZONE_NAMES.length).toBe(597);
  });
});
