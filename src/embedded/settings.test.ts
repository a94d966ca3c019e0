import { describe, expect, it } from 'vitest';
import { commandLineSettings, configurationLines, fixedSettings } from './settings.ts';

describe('the settings of the server', () => {
  it('quote the socket’s folder, because the setting is a list', () => {
    expect(fixedSettings('/a, "b"')['unix_socket_directories']).toBe('"/a, ""b"""');
  });

  it('go on the command line as pairs', () => {
    expect(commandLineSettings({ port: '1', fsync: 'on' })).toEqual([
      '-c',
      'port=1',
      '-c',
      'fsync=on',
    ]);
  });

  it('are quoted in the configuration file', () => {
    expect(configurationLines({ a: "it's", b: '1' })).toBe("a = 'it''s'\nb = '1'\n");
  });
});
