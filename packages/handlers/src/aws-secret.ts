import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';

const ATTEMPTS_MAX = 2;
const CONNECT_MS = 1_000;
const REQUEST_MS = 2_000;

/** The maximum duration of reading the secret, in milliseconds, excluding the pause between attempts. */
export const SECRET_MS_MAX = ATTEMPTS_MAX * (CONNECT_MS + REQUEST_MS);

/** Reads the text of the secret with this ARN. It is called once in minutes, so no connection is kept. */
export async function readSecret(arn: string): Promise<string> {
  const client = new SecretsManagerClient({
    // Including pauses, this stays below the ten seconds in which a function must start.
    maxAttempts: ATTEMPTS_MAX,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: REQUEST_MS, throwOnRequestTimeout: true },
  });
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: arn }));
    if (SecretString === undefined || SecretString === '') throw new Error('the secret has no text');
    return SecretString;
  } finally {
    client.destroy();
  }
}
