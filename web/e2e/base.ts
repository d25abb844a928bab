/** The Vigie under test, with real data in it. */
export const base = process.env['VIGIE_URL'] ?? 'http://127.0.0.1:4780';
