// For works that go side by side, and leave nothing under way behind.
/** As Promise.all, but nothing of it is under way any more when it rejects. */
export async function allEnded<T extends readonly unknown[] | []>(
  works: T,
): Promise<{ -readonly [Place in keyof T]: Awaited<T[Place]> }> {
  await Promise.allSettled(works);
  return Promise.all(works);
}
