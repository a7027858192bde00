import type { DlqCause } from '@posthorn/shared';
import { formatNumber } from '../format.ts';
import { setQuery } from '../router.tsx';
import { Table } from './table.tsx';
import { Time } from './time.tsx';

/** Why messages have finally failed, and how often. A click anywhere in a row filters by its cause; for the keyboard the host is a button. */
export function Causes({ causes, isChosen }: { causes: readonly DlqCause[]; isChosen: (cause: DlqCause) => boolean }) {
  return (
    <Table
      label="Failures by cause"
      columns={[
        { title: 'Destination' },
        { title: 'Status', isNumber: true },
        { title: 'Error' },
        { title: 'Count', isNumber: true },
        { title: 'First' },
        { title: 'Last' },
      ]}
      isEmpty={causes.length === 0}
      empty="Nothing has failed for good. When messages do, this table says where and why."
    >
      {causes.map((cause) => {
        const isOn = isChosen(cause);
        const choose = () => setQuery({ cause: isOn ? undefined : cause.cause }, { isReplaced: false });
        return (
          <tr key={cause.cause} class={`choice ${isOn ? 'chosen' : ''}`} onClick={choose}>
            <td>
              <button
                type="button"
                class="text"
                aria-pressed={isOn}
                onClick={(event) => {
                  event.stopPropagation();
                  choose();
                }}
              >
                {cause.host}
              </button>
            </td>
            <td class="number">{cause.responseStatus ?? '–'}</td>
            <td>{cause.error}</td>
            <td class="number">{formatNumber(cause.count)}</td>
            <td>
              <Time at={cause.oldest} />
            </td>
            <td>
              <Time at={cause.newest} />
            </td>
          </tr>
        );
      })}
    </Table>
  );
}
