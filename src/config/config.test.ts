import { mkdtempSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from './config.ts';
import { flagOf } from './setting.ts';

describe('configuration', () => {
  it('has a default for everything that needs one', () => {
    const config = loadConfig({});
    expect(config.httpPort).toBe(7850);
    expect(config.reconciliationInterval).toBe(60_000);
    expect(config.databaseUrl).toBeUndefined();
  });

  it('prefers a flag to the environment and the environment to the file', () => {
    const file = path.join(mkdtempSync(path.join(os.tmpdir(), 'standby-config-')), 'standby.conf');
    writeFileSync(
      file,
      '# comment\n\nSTANDBY_HTTP_PORT=1\nSTANDBY_LOG_LEVEL=debug\nSTANDBY_LEASE_TTL=1s\n',
    );
    const config = loadConfig(
      { STANDBY_CONFIG_FILE: file, STANDBY_HTTP_PORT: '2', STANDBY_LOG_LEVEL: 'warn' },
      { STANDBY_HTTP_PORT: '3' },
    );
    expect(config.httpPort).toBe(3);
    expect(config.logLevel).toBe('warn');
    expect(config.leaseTtl).toBe(1000);
  });

  it('takes an empty variable as not set', () => {
    expect(loadConfig({ STANDBY_HTTP_PORT: '' }).httpPort).toBe(7850);
  });

  it.each([
    ['STANDBY_HTTP_PORT', '70000', 'a whole number from 0 to 65535'],
    ['STANDBY_HTTP_PORT', '80a', 'a whole number from 0 to 65535'],
    ['STANDBY_LEASE_TTL', '15', 'a duration such as 500ms, 10s, 1m, 2h or 1d'],
    ['STANDBY_LEASE_TTL', '0s', 'a duration such as 500ms, 10s, 1m, 2h or 1d'],
    ['STANDBY_PREBUILDS_HARD_LIMIT_COOLDOWN', '30d', 'a duration from 1ms to 7d, such as 15m'],
    ['STANDBY_LOG_LEVEL', 'loud', 'one of debug, info, warn, error, silent'],
    ['STANDBY_ACCESS_URL', 'standby.example', 'an http or https URL'],
    ['STANDBY_DATABASE_URL', 'nonsense', 'a postgres:// URL'],
    ['STANDBY_DATABASE_URL', 'mysql://localhost/x', 'a postgres:// URL'],
    ['STANDBY_DATABASE_URL', 'postgres://localhost:99999/x', 'a postgres:// URL'],
  ])('stops with the name, the value and what is allowed: %s=%s', (name, value, allowed) => {
    expect(() => loadConfig({ [name]: value })).toThrow(
      `CONFIG_INVALID: ${name} is "${value}"; allowed is ${allowed}`,
    );
  });

  it('never shows the password of an address that it refuses', () => {
    const url = 'postgres://ann:p@ss@localhost:x/standby';
    expect(() => loadConfig({ STANDBY_DATABASE_URL: url })).toThrow(
      'STANDBY_DATABASE_URL is "postgres://…@localhost:x/standby"',
    );
  });

  it.each(['postgres://db/standby', 'postgresql://u:p@/standby?host=%2Frun%2Fpg&port=5432'])(
    'takes the address of a database: %s',
    (url) => expect(loadConfig({ STANDBY_DATABASE_URL: url }).databaseUrl).toBe(url),
  );

  it.each(['AWS_*, HTTPS_PROXY', 'A'])('takes names of variables to hand on: %j', (names) => {
    expect(loadConfig({ STANDBY_PROVISIONER_ENVIRONMENT: names }).provisionerEnvironment).toEqual(
      names.split(', '),
    );
  });

  it.each(['STANDBY_PROVISIONER_KEY', 'STANDBY_*', '*', 'A,', 'A B', 'A=1', '*A'])(
    'hands on no setting of its own, and not simply everything: %j',
    (names) => {
      expect(() => loadConfig({ STANDBY_PROVISIONER_ENVIRONMENT: names })).toThrow(
        /CONFIG_INVALID: STANDBY_PROVISIONER_ENVIRONMENT is/,
      );
    },
  );

  it('allows a reconciliation interval of zero and below, which has a meaning', () => {
    expect(
      loadConfig({ STANDBY_PREBUILDS_RECONCILIATION_INTERVAL: '0s' }).reconciliationInterval,
    ).toBe(0);
    expect(
      loadConfig({ STANDBY_PREBUILDS_RECONCILIATION_INTERVAL: '-1s' }).reconciliationInterval,
    ).toBe(-1000);
  });

  it('refuses a file that is missing or has an unknown name', () => {
    expect(() => loadConfig({ STANDBY_CONFIG_FILE: '/nonexistent/x' })).toThrow(
      /CONFIG_INVALID.*cannot be read/,
    );
    const file = path.join(mkdtempSync(path.join(os.tmpdir(), 'standby-config-')), 'standby.conf');
    writeFileSync(file, 'STANDBY_HTP_PORT=1\n');
    expect(() => loadConfig({ STANDBY_CONFIG_FILE: file })).toThrow(/standby.conf:1/);
  });

  it('gives each setting a flag of its own name', () => {
    expect(flagOf('STANDBY_HTTP_PORT')).toBe('http-port');
  });
});
