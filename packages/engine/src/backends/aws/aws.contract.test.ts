import { createTestClock, describeBackendContract } from '@pik/testkit';
import { createFakeAws, type FakeAws } from '@pik/testkit/aws';

function describeContract(name: string, habits: (aws: FakeAws) => void): void {
  describeBackendContract(name, async () => {
    const clock = createTestClock();
    const aws = createFakeAws({ clock });
    habits(aws);
    // The services use the clock themselves, and the queue counts in whole seconds.
    return { backend: aws.open(), clock, reopen: async () => aws.open(), settle: async () => {} };
  });
}

describeContract('the AWS backend over services in memory', () => undefined);

// R11, D16, D17, D20: nothing may depend on the size of a page or on an eventually consistent read.
describeContract('the AWS backend over services with small pages', ({ dynamodb, s3, sqs }) => {
  Object.assign(dynamodb.habits, { pageRows: 2, lastKeyAlways: true, staleReads: true });
  Object.assign(s3.habits, { pageKeys: 2, keepsChecksums: false });
  sqs.habits.shuffled = true;
});
describeContract('the AWS backend over services with empty pages', ({ dynamodb, s3 }) => {
  Object.assign(dynamodb.habits, { pageRows: 3, emptyPages: true });
  Object.assign(s3.habits, { pageKeys: 3, emptyPages: true });
});
