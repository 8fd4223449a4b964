// Markdown of descriptions, drawn without any HTML of its own: tokens become elements, text stays
// text. Whatever a description holds, it can only be shown.
import { lexer, type Token, type Tokens } from 'marked';
import type { ComponentChildren } from 'preact';

/** Addresses that a link may have; others are shown as text. */
export function safeLink(address: string): string | null {
  // Browsers ignore blanks and controls inside of schemes.
  const plain = address.replace(/[\u0000-\u0020\u007f-\u00a0\u200b-\u200f\u2028\u2029\ufeff]/g, '');
  return /^(https?:\/\/|mailto:|#)/i.test(plain) ? plain : null;
}

/** Images come from the project's own assets; nothing is fetched from elsewhere. */
export function safeImage(address: string): string | null {
  const plain = address.trim().replace(/^\.?\//, '');
  return /^assets\/[^\\:?#]+$/.test(plain) && !plain.split('/').includes('..') ? plain : null;
}

export function Markdown({ text, className }: { text: string; className?: string }) {
  let tokens: Token[];
  try { tokens = lexer(text, { gfm: true }); } catch { return <div class={`markdown ${className ?? ''}`}><p>{text}</p></div>; }
  return <div class={`markdown ${className ?? ''}`}>{tokens.map((token) => block(token))}</div>;
}

function block(token: Token): ComponentChildren {
  switch (token.type) {
    case 'space': case 'def': return null;
    case 'heading': {
      const level = Math.min(6, (token as Tokens.Heading).depth + 1);
      const Tag = `h${level}` as 'h2';
      return <Tag>{inline(token.tokens)}</Tag>;
    }
    case 'paragraph': return <p>{inline(token.tokens)}</p>;
    case 'code': return <pre><code>{(token as Tokens.Code).text}</code></pre>;
    case 'blockquote': return <blockquote>{token.tokens?.map(block)}</blockquote>;
    case 'hr': return <hr />;
    case 'list': {
      const list = token as Tokens.List;
      const items = list.items.map((item) => <li>{item.task && <input type="checkbox" checked={item.checked} disabled />}{item.tokens.map(block)}</li>);
      return list.ordered ? <ol start={Number(list.start) || 1}>{items}</ol> : <ul>{items}</ul>;
    }
    case 'table': {
      const table = token as Tokens.Table;
      return (
        <div class="scroll"><table>
          <thead><tr>{table.header.map((cell) => <th>{inline(cell.tokens)}</th>)}</tr></thead>
          <tbody>{table.rows.map((row) => <tr>{row.map((cell) => <td>{inline(cell.tokens)}</td>)}</tr>)}</tbody>
        </table></div>
      );
    }
    case 'html': return <p>{breaks((token as Tokens.HTML).raw)}</p>;
    case 'text': return token.tokens ? <>{inline(token.tokens)}</> : <>{(token as Tokens.Text).text}</>;
    default: return inline([token]);
  }
}

function inline(tokens: Token[] | undefined): ComponentChildren {
  return tokens?.map((token) => {
    switch (token.type) {
      case 'strong': return <strong>{inline(token.tokens)}</strong>;
      case 'em': return <em>{inline(token.tokens)}</em>;
      case 'del': return <del>{inline(token.tokens)}</del>;
      case 'codespan': return <code>{unescaped((token as Tokens.Codespan).text)}</code>;
      case 'br': return <br />;
      case 'link': {
        const { href } = token as Tokens.Link;
        const to = safeLink(href);
        if (!to) return <>{inline(token.tokens)}</>;
        return to.startsWith('#') ? <a href={to}>{inline(token.tokens)}</a> : <a href={to} target="_blank" rel="noopener noreferrer nofollow">{inline(token.tokens)}</a>;
      }
      case 'image': {
        const { href, text } = token as Tokens.Image;
        const own = safeImage(href);
        if (own) return <img src={own} alt={text} loading="lazy" />;
        const to = safeLink(href);
        return to ? <a href={to} target="_blank" rel="noopener noreferrer nofollow">{text || href}</a> : <>{text}</>;
      }
      case 'html': return breaks((token as Tokens.HTML).raw);
      case 'escape': return <>{(token as Tokens.Escape).text}</>;
      case 'text': return token.tokens ? inline(token.tokens) : <>{unescaped((token as Tokens.Text).text)}</>;
      default: return <>{token.raw}</>;
    }
  });
}

/** HTML is shown as it was written; only line breaks, which tables cannot do without, are followed. */
function breaks(raw: string): ComponentChildren {
  return raw.split(/<br\s*\/?>/i).map((part, at) => (at ? [<br />, part] : part));
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", nbsp: '\u00a0' };

function unescaped(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#39|nbsp);/g, (_, name: string) => ENTITIES[name]);
}
