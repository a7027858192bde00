/** The queue and the labels of a message. */
export function Tags({ labels = [], queueName }: { labels?: string[] | undefined; queueName?: string | undefined }) {
  if (labels.length === 0 && queueName === undefined) return null;
  return (
    <span class="tags">
      {queueName === undefined ? null : <span class="tag">queue {queueName}</span>}
      {labels.map((text) => (
        <span class="tag">{text}</span>
      ))}
    </span>
  );
}
