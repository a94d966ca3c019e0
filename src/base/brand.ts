// Nominal types over strings: an id of one entity is not assignable to another's.

declare const brand: unique symbol;

export type Brand<T, B extends string> = T & { readonly [brand]: B };
