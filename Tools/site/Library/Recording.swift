// What terminals showed, and when, as an SVG that plays it: each piece of text appears at its time, over and over.

/// Terminals side by side, as they were seen.
struct Recording {
    /// A piece of output: seconds since the start, and its text.
    struct Piece {
        let time: Double
        let text: String
    }

    /// A piece at its place on the screen.
    struct Cell: Equatable {
        let time: Double
        let row: Int
        let column: Int
        let text: String
    }

    static let columns = 67
    static let rows = 16
    /// Seconds without output that are shown at most.
    private static let longestPause = 1.2
    /// Seconds at the end before it begins anew.
    private static let rest = 4.0

    private static let cellWidth = 7.23
    private static let lineHeight = 17.0

    private let panes: [[Cell]]
    private let duration: Double

    init(_ terminals: [[Piece]]) {
        let moments = Set(terminals.joined().map(\.time)).sorted()
        var shown: [Double: Double] = [:]
        var now = 0.0
        for (place, moment) in moments.enumerated() {
            if place > 0 { now += min(moment - moments[place - 1], Self.longestPause) }
            shown[moment] = now
        }
        panes = terminals.map { pieces in
            Self.layOut(pieces.map { Piece(time: shown[$0.time] ?? 0, text: $0.text) })
        }
        duration = now + Self.rest
    }

    /// Where each piece stands. What does not fit is left out, as on a screen that does not scroll.
    static func layOut(_ pieces: [Piece]) -> [Cell] {
        var cells: [Cell] = []
        var (row, column) = (0, 0)
        for piece in pieces {
            var run = ""
            func flush() {
                if !run.isEmpty, row < rows {
                    cells.append(Cell(time: piece.time, row: row, column: column - run.count, text: run))
                }
                run = ""
            }
            for character in piece.text {
                if character == "\n" {
                    flush()
                    (row, column) = (row + 1, 0)
                    continue
                }
                if column == columns {
                    flush()
                    (row, column) = (row + 1, 0)
                }
                run.append(character)
                column += 1
            }
            flush()
        }
        return cells
    }

    /// The file's text. Where motion is not wanted it shows the end.
    func svg(title: String, captions: [String]) -> String {
        let paneWidth = Int(Double(Self.columns) * Self.cellWidth) + 24
        let paneHeight = Int(Double(Self.rows) * Self.lineHeight) + 44
        var rules = ""
        var bodies = ""
        var names: [Double: String] = [:]
        for (number, pane) in panes.enumerated() {
            let x = number * (paneWidth + 8)
            bodies += """
                <rect x="\(x)" width="\(paneWidth)" height="\(paneHeight)" rx="8" fill="#11161d"/>
                <text x="\(x + paneWidth / 2)" y="19" fill="#8b98a9" text-anchor="middle">\(captions[number].escapedForXML)</text>

                """
            for cell in pane {
                let name: String
                if let known = names[cell.time] {
                    name = known
                } else {
                    name = "t\(names.count)"
                    names[cell.time] = name
                    let percent = (cell.time / duration * 10_000).rounded() / 100
                    rules +=
                        "@keyframes \(name){0%{opacity:0}\(percent)%{opacity:1}}.\(name){animation:\(name) \(duration.rounded())s step-end infinite}\n"
                }
                let left = x + 12 + Int((Double(cell.column) * Self.cellWidth).rounded())
                let top = 44 + Int(Double(cell.row) * Self.lineHeight)
                let width = Int((Double(cell.text.count) * Self.cellWidth).rounded())
                // Spaces at the ends are kept, and every font is as wide.
                bodies +=
                    #"<text class="\#(name)" x="\#(left)" y="\#(top)" textLength="\#(width)" lengthAdjust="spacingAndGlyphs" xml:space="preserve">\#(cell.text.escapedForXML)</text>"#
                    + "\n"
            }
        }
        let width = panes.count * (paneWidth + 8) - 8
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(paneHeight)" width="\(width)" height="\(paneHeight)" role="img" font-family="ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="12" fill="#d7dee8">
            <title>\(title.escapedForXML)</title>
            <style>
            \(rules)@media (prefers-reduced-motion: reduce){text{animation:none!important}}
            </style>
            \(bodies)</svg>

            """
    }
}
