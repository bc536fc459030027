/** An error as the clients throw it: with the name that the service gave it and the status of its answer. */
export function serviceError(name: string, status: number, more: object = {}): Error {
  const error = new Error(`${name} by the fake`);
  error.name = name;
  return Object.assign(error, {
    $fault: status < 500 ? 'client' : 'server',
    $metadata: { httpStatusCode: status },
    ...more,
  });
}

/** An error of the way to the service. */
export function networkError(code: string): Error {
  return Object.assign(new Error(`${code} by the fake`), { code });
}

/** The limit of time of a client, as its handler throws it. */
export function timeoutError(): Error {
  const error = new Error('no answer in time, by the fake');
  error.name = 'TimeoutError';
  return Object.assign(error, { code: 'ETIMEDOUT' });
}
