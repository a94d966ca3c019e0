import { describe, expect, it } from 'vitest';
import { parsePidFile, runsCluster } from './pid-file.ts';

const WHOLE = `4711
/var/lib/standby/postgres/cluster
1790000000
5432
/var/lib/standby/postgres/socket

  1231 42
ready   
`;

describe('a pid file', () => {
  it('names the server, its cluster, its socket and its state', () => {
    expect(parsePidFile(WHOLE)).toEqual({
      pid: 4711,
      clusterFolder: '/var/lib/standby/postgres/cluster',
      port: 5432,
      socketFolder: '/var/lib/standby/postgres/socket',
      status: 'ready',
      text: WHOLE,
    });
  });

  it('that is just being written lacks its later lines', () => {
    expect(parsePidFile('4711\n/c\n1790000000\n5432\n\n')).toMatchObject({
      pid: 4711,
      clusterFolder: '/c',
      socketFolder: undefined,
      status: undefined,
    });
  });

  it.each(['', '\n', '4711', '4711\n', 'x\n/c\n', '-4711\n/c\n'])(
    'says nothing when it is %j',
    (text) => {
      expect(parsePidFile(text)).toBeUndefined();
    },
  );
});

describe('the command line of a server', () => {
  const cluster = '/data of a/cluster';

  it.each([
    '/opt/pg/bin/postgres -D /data of a/cluster -c port=5432 ',
    'postgres -D /data of a/cluster',
  ])('names its cluster: %s', (line) => {
    expect(runsCluster(line, cluster)).toBe(true);
  });

  it.each([
    '',
    'sleep 60 ',
    '/opt/pg/bin/postgres -D /data of a/cluster2 ',
    '/opt/pg/bin/postgres -D /data of b/cluster ',
    '/opt/pg/bin/pg_ctl -D /data of a/cluster start ',
    'postgres: standby standby [local] idle ',
  ])('is not that of %s', (line) => {
    expect(runsCluster(line, cluster)).toBe(false);
  });
});
