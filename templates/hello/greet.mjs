#!/usr/bin/env node
// Tells the running server whose workspace this is now. The file appears whole or not at all.
import { renameSync, writeFileSync } from 'node:fs';

const { STANDBY_OWNER: username, STANDBY_OWNER_NAME: displayName } = process.env;
writeFileSync('.owner.json', JSON.stringify({ name: displayName || username }));
renameSync('.owner.json', 'owner.json');
