/** Error codes, their sentences in the three languages and their HTTP status: contract §2. */

export const LOCALES = ['en', 'ar', 'ru'] as const;
/** A language in which Majlis answers people. */
export type Locale = (typeof LOCALES)[number];

interface ErrorText extends Record<Locale, string> {
  /** HTTP status of the problem document that carries this code. */
  status: number;
}

/**
 * Every error code a client can receive. `message` texts are for people; clients compare `code`
 * (and, on `/`, the two English token sentences, which are never translated).
 */
export const ERRORS = {
  UNAUTHORIZED: { status: 401, en: 'Invalid or expired token', ar: 'رمز مميز غير صالح', ru: 'Недействительный или просроченный токен' },
  FORBIDDEN: { status: 403, en: 'Access denied', ar: 'تم رفض الوصول', ru: 'Доступ запрещён' },
  INVALID_DATA: { status: 400, en: 'Invalid data', ar: 'بيانات غير صالحة', ru: 'Неверные данные' },
  RATE_LIMIT: { status: 429, en: 'Rate limit exceeded', ar: 'تجاوز حد المعدل', ru: 'Превышен лимит запросов' },
  CHAT_NOT_FOUND: { status: 404, en: 'Chat not found', ar: 'المحادثة غير موجودة', ru: 'Чат не найден' },
  MESSAGE_TOO_LARGE: { status: 413, en: 'Message too large', ar: 'الرسالة كبيرة جدا', ru: 'Сообщение слишком большое' },
  NOT_FOUND: { status: 404, en: 'Not found', ar: 'غير موجود', ru: 'Не найдено' },
  CONFLICT: { status: 409, en: 'Conflict with the current state', ar: 'تعارض مع الحالة الحالية', ru: 'Конфликт с текущим состоянием' },
  UNKNOWN_EVENT: { status: 400, en: 'Unknown event', ar: 'حدث غير معروف', ru: 'Неизвестное событие' },
  SOCKET_ERROR: { status: 500, en: 'Unexpected error', ar: 'حدث خطأ في الاتصال', ru: 'Непредвиденная ошибка' },
  UNAVAILABLE: { status: 503, en: 'Temporarily unavailable', ar: 'غير متاح مؤقتا', ru: 'Временно недоступно' },
} as const satisfies Record<string, ErrorText>;

/** A machine-readable error code; the same in every language and on every surface. */
export type ErrorCode = keyof typeof ERRORS;

/** Compared by the documents' clients, hence never translated (contract §1). */
export const INVALID_TOKEN = 'Invalid token';
/** Compared by the documents' clients, hence never translated (contract §1). */
export const EXPIRED_TOKEN = 'Invalid or expired token';

/** What a refused CONNECT on a namespace other than `/` says in `err.message`: contract §1, from the Depth document. */
export const CONNECT_REFUSALS = {
  missing: { en: 'Token required', ar: 'الرمز المميز مطلوب', ru: 'Требуется токен' },
  invalid: { en: EXPIRED_TOKEN, ar: 'رمز مميز غير صالح', ru: 'Недействительный или просроченный токен' },
  unknownUser: { en: 'User not found', ar: 'المستخدم غير موجود', ru: 'Пользователь не найден' },
  forbidden: { en: 'Access denied', ar: 'فشلت المصادقة', ru: 'Доступ запрещён' },
  other: { en: 'Authentication failed', ar: 'فشلت المصادقة', ru: 'Ошибка аутентификации' },
} as const satisfies Record<string, Record<Locale, string>>;

/** Why a CONNECT was refused. */
export type ConnectRefusal = keyof typeof CONNECT_REFUSALS;

/** The sentence for `code` in `locale`. */
export function errorText(code: ErrorCode, locale: Locale): string {
  return ERRORS[code][locale];
}
