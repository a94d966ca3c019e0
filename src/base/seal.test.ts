import { describe, expect, it } from 'vitest';
import { systemRng } from './random.ts';
import { seal, SealBroken, unseal } from './seal.ts';

const key = systemRng.bytes(32);
const place = 'state of w, number 1';
const plain = Buffer.from('{"serial": 1}');

describe('a sealed value', () => {
  it('opens with its key at its place', () => {
    expect(unseal({ key, place }, seal(systemRng, { key, place }, plain))).toEqual(plain);
    expect(unseal({ key, place }, seal(systemRng, { key, place }, Buffer.alloc(0)))).toHaveLength(
      0,
    );
  });

  it('is another one each time, and shows nothing', () => {
    const one = seal(systemRng, { key, place }, plain);
    expect(one).not.toEqual(seal(systemRng, { key, place }, plain));
    expect(one.includes('serial')).toBe(false);
  });

  it('does not open with another key, elsewhere, or changed in any byte', () => {
    const sealed = seal(systemRng, { key, place }, plain);
    expect(() => unseal({ key: systemRng.bytes(32), place }, sealed)).toThrow(SealBroken);
    expect(() => unseal({ key, place: 'state of w, number 2' }, sealed)).toThrow(SealBroken);
    expect(() => unseal({ key, place }, sealed.subarray(0, 20))).toThrow(SealBroken);
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(() => unseal({ key, place }, changed)).toThrow(SealBroken);
    }
  });
});
