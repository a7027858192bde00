/** What begins a list and goes on with it. */
interface PageRequest {
  cursor?: string | number;
}

/** The elements of every page, each of which is read when it is asked for. */
export async function* readPages<Request extends PageRequest, Page extends { cursor?: string }, Element>(
  request: Request,
  read: (request: Request) => Promise<Page>,
  find: (page: Page) => Element[],
): AsyncGenerator<Element, void, undefined> {
  let page: Page | undefined;
  do {
    page = await read(page?.cursor ? { ...request, cursor: page.cursor } : request);
    yield* find(page);
  } while (page.cursor);
}
