// Where in a container of the docker driver the agent has what it needs.

export const AGENT_HOME = '/opt/standby';
