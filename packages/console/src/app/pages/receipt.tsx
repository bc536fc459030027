import { useRoute } from 'preact-iso/router';
import { Envelope } from '../parts/envelope.tsx';
import { Page } from '../parts/page.tsx';
import { Bytes } from '../parts/payload.tsx';
import { Shown } from '../parts/states.tsx';
import { useAnswer } from '../state/answers.ts';

/** The received bytes of one receipt. */
export default function Receipt() {
  const { pack = '', line = '' } = useRoute().params;
  const answer = useAnswer('receipt', { pack_id: pack, line });
  return (
    <Page title="Receipt" lead={<code class="any">{`${pack}/${line}`}</code>}>
      <Shown of={answer} what="the receipt">
        {(receipt) => (
          <div class="two">
            <section class="panel">
              <h2>Envelope</h2>
              <Envelope receipt={receipt} />
            </section>
            <section class="panel">
              <h2>Bytes</h2>
              {receipt.body !== undefined && <Bytes text={receipt.body} />}
              {receipt.body_base64 !== undefined && <Bytes text={receipt.body_base64} />}
            </section>
          </div>
        )}
      </Shown>
    </Page>
  );
}
