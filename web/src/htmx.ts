// htmx under the name its extensions look for.

import htmx from 'htmx.org';

declare global {
  interface Window {
    htmx: typeof htmx;
    Idiomorph: { defaults: MorphDefaults };
  }
}

/** The part of Idiomorph's settings these pages change. */
export interface MorphDefaults {
  ignoreActiveValue: boolean;
  callbacks: {
    beforeNodeMorphed: (before: Node, after: Node) => boolean;
    beforeAttributeUpdated: (name: string, node: Element, kind: 'update' | 'remove') => boolean;
  };
}

window.htmx = htmx;
export default htmx;
