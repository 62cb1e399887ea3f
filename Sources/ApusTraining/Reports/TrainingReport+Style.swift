extension TrainingReport {
    /// Light or dark as the reader's system is.
    static let style = """
        :root { color-scheme: light dark; --page: #f6f7f9; --card: #ffffff; --edge: #e4e7ec; --text: #1b2430; --quiet: #66707f; --grid: #edf0f3;
          --c1: #2f6bde; --c2: #e0711c; --c3: #7c55d3; --c4: #c23b77; --c5: #12867a; --good: #16803c; --bad: #c0362c; }
        @media (prefers-color-scheme: dark) {
          :root { --page: #0f141b; --card: #171e27; --edge: #27303c; --text: #e5eaf1; --quiet: #8f9baa; --grid: #222b36;
            --c1: #6ea0ff; --c2: #f5a25d; --c3: #b094f5; --c4: #f07fb0; --c5: #4cc7b7; --good: #55c67c; --bad: #ef7c72; } }
        * { box-sizing: border-box; margin: 0; }
        body { background: var(--page); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
          max-width: 1128px; margin: 0 auto; padding: 36px 24px 24px; font-variant-numeric: tabular-nums; }
        h1 { font-size: 26px; font-weight: 650; letter-spacing: -.02em; overflow-wrap: anywhere; }
        h2 { font-size: 15px; font-weight: 600; }
        h3 { font-size: 12px; font-weight: 600; color: var(--quiet); text-transform: uppercase; letter-spacing: .06em; margin-bottom: 6px; }
        .head { display: flex; align-items: center; gap: 12px; flex-wrap: wrap; }
        .subtitle { color: var(--quiet); margin-top: 2px; }
        .reason { color: var(--bad); margin-top: 6px; white-space: pre-wrap; }
        .status { font-size: 12px; font-weight: 600; padding: 2px 10px; border-radius: 99px; color: var(--c1);
          background: color-mix(in srgb, currentColor 12%, transparent); }
        .finished { color: var(--good); } .stopped { color: var(--bad); }
        .bar { height: 6px; border-radius: 3px; background: var(--edge); margin-top: 18px; overflow: hidden; }
        .bar i { display: block; height: 100%; border-radius: 3px; background: var(--c1); }
        .steps { display: flex; justify-content: space-between; gap: 12px; color: var(--quiet); font-size: 13px; margin-top: 6px; }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(158px, 1fr)); gap: 14px; margin: 22px 0 14px; }
        .tile, .card { background: var(--card); border: 1px solid var(--edge); border-radius: 12px; }
        .tile { padding: 12px 16px; display: flex; flex-direction: column; }
        .tile span { color: var(--quiet); font-size: 13px; } .tile b { font-size: 24px; font-weight: 600; letter-spacing: -.01em; line-height: 1.35; }
        .tile small { color: var(--quiet); font-size: 12px; min-height: 18px; }
        .card { padding: 16px 18px; margin-bottom: 14px; }
        .charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 14px; }
        .wide { grid-column: 1 / -1; }
        figcaption { display: flex; align-items: baseline; gap: 18px; margin-bottom: 8px; }
        figcaption h2 { flex: 1; }
        .key { color: var(--quiet); font-size: 13px; } .key b { color: var(--text); font-weight: 600; }
        .key::before { content: ""; display: inline-block; width: 9px; height: 9px; border-radius: 5px; background: var(--c); margin-right: 6px; }
        .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); } .c4 { --c: var(--c4); } .c5 { --c: var(--c5); }
        svg { display: block; width: 100%; height: auto; overflow: visible; }
        svg text { font-size: 12px; fill: var(--text); } svg .tick { fill: var(--quiet); font-size: 11.5px; }
        .grid { stroke: var(--grid); } .base { stroke: var(--edge); } .mark { stroke: var(--bad); stroke-dasharray: 3 3; opacity: .7; }
        .line { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
        .faint { fill: none; stroke: var(--c); stroke-width: 1; stroke-linejoin: round; opacity: .35; }
        .shade { fill: var(--c); opacity: .14; } .dot { fill: var(--c); stroke: var(--card); stroke-width: 1.5; }
        .strip rect { fill: transparent; } .reading { visibility: hidden; pointer-events: none; } .strip:hover .reading { visibility: visible; }
        .reading line { stroke: var(--quiet); opacity: .5; }
        .reading text { paint-order: stroke; stroke: var(--card); stroke-width: 5px; stroke-linejoin: round; font-weight: 500; }
        @media (max-width: 720px) { .charts { grid-template-columns: minmax(0, 1fr); } body { padding: 20px 12px; }
          .wide svg text, .wide svg .tick { font-size: 17px; } }
        .events { list-style: none; padding: 0; margin-top: 8px; font-size: 14px; } .events b { font-weight: 600; margin-right: 8px; }
        .settings { columns: 3 240px; column-gap: 32px; margin-top: 12px; } .settings div { break-inside: avoid; margin-bottom: 18px; }
        dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 2px 14px; font-size: 13px; }
        dt { color: var(--quiet); } dd { overflow-wrap: anywhere; }
        footer { color: var(--quiet); font-size: 12px; text-align: center; margin-top: 18px; }

        """
}
