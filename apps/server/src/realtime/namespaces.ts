import type { Locale, v2 } from '@majlis/contract';

/** What differs between the Socket.IO namespaces before any event: contract §1. */
interface NamespaceRules {
  /** The language where neither the client nor the user names one. */
  locale: Locale;
  /** The dialect that a socket speaks until it shows another. */
  dialect: string;
  /** The kinds of streams that its sockets get. */
  carries: ReadonlySet<string>;
  /** The dialects that its sockets may turn to, and the kinds of streams that they get then. */
  turnsTo?: Readonly<Record<string, ReadonlySet<string>>>;
  /** How a refused token is told: as the documents' clients expect it. */
  refusal: 'error-event' | 'connect-error';
  /** Who may be in it; absent: everybody. */
  role?: v2.Role;
}

export const NAMESPACES: Readonly<Record<string, NamespaceRules>> = {
  '/': {
    locale: 'en',
    dialect: 'v2',
    carries: new Set(['chat', 'user', 'orders', 'social', 'open-post']),
    turnsTo: { depth: new Set(['chat', 'user', 'project']) },
    refusal: 'error-event',
  },
  '/chat': { locale: 'ar', dialect: 'depth', carries: new Set(['chat']), refusal: 'connect-error' },
  '/notifications': { locale: 'ar', dialect: 'notifications', carries: new Set(['user']), refusal: 'connect-error' },
  '/projects': { locale: 'ar', dialect: 'depth', carries: new Set(['project']), refusal: 'connect-error' },
  '/support': { locale: 'ar', dialect: 'support', carries: new Set(['ticket', 'ticket-staff']), refusal: 'connect-error' },
  '/admin': { locale: 'ar', dialect: 'admin', carries: new Set(), refusal: 'connect-error', role: 'admin' },
};

/** The kinds of streams that a socket of a namespace gets while it speaks `dialect`. */
export function carriedIn(namespace: string, dialect: string): ReadonlySet<string> {
  const { carries, turnsTo } = NAMESPACES[namespace]!;
  return turnsTo?.[dialect] ?? carries;
}

/** Whether somebody of this role may be in a namespace, or at the path of a raw WebSocket. */
export function mayBeIn(namespace: string, role: v2.Role): boolean {
  const required = NAMESPACES[namespace]?.role;
  return required === undefined || required === role;
}
