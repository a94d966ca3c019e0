// How many connections to PostgreSQL a control plane has by default, and for whom.
import { loadConfig } from '../../src/config/config.ts';
import { shareConnections } from '../../src/main/server/share-connections.ts';

export const CONNECTIONS = shareConnections(loadConfig({}).databaseMaxConnections);
