// What daemons are handed by the version of the provisioner protocol that they speak.

/** Daemons of this version and later keep the values of sensitive parameters out of logs and errors. */
export const SECRETS_SINCE_PROTOCOL_VERSION = 2;

/** Daemons of this version and later rehearse claims. */
export const REHEARSALS_SINCE_PROTOCOL_VERSION = 3;

/** Daemons of this version and later keep the sandbox and the limits of the process driver. */
export const CONFINEMENT_SINCE_PROTOCOL_VERSION = 4;
