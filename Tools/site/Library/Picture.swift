// SVG as text: what the pictures of this project need of it, and no more.

/// A picture that grows by shapes. Units are pixels, y grows downwards.
struct Picture {
    private let width: Int
    private let height: Int
    private var shapes: [String] = []
    private let title: String

    init(width: Int, height: Int, title: String) {
        (self.width, self.height, self.title) = (width, height, title)
    }

    mutating func rectangle(
        x: Int, y: Int, width: Int, height: Int, fill: String, stroke: String = "none", radius: Int = 0
    ) {
        shapes.append(
            #"<rect x="\#(x)" y="\#(y)" width="\#(width)" height="\#(height)" rx="\#(radius)" fill="\#(fill)" stroke="\#(stroke)"/>"#
        )
    }

    /// A line through points, with an arrow's head at its end.
    mutating func arrow(_ points: [(x: Int, y: Int)]) {
        let path = points.map { "\($0.x),\($0.y)" }.joined(separator: " ")
        shapes.append(
            ##"<polyline points="\##(path)" fill="none" stroke="#5b6b7f" stroke-width="1.5" marker-end="url(#head)"/>"##
        )
    }

    /// A line of text, in the middle of x.
    /// - Parameter limit: the width that it may have: longer text is pressed together.
    mutating func text(
        _ text: String, x: Int, y: Int, size: Int, fill: String = "#1d2733", isCode: Bool = false, isBold: Bool = false,
        limit: Int
    ) {
        let natural = Double(text.count * size) * (isCode ? 0.602 : 0.54)
        let press = natural > Double(limit) ? #" textLength="\#(limit)" lengthAdjust="spacingAndGlyphs""# : ""
        let family = isCode ? "ui-monospace,Menlo,Consolas,monospace" : "system-ui,Helvetica,Arial,sans-serif"
        shapes.append(
            #"<text x="\#(x)" y="\#(y)" font-size="\#(size)" font-family="\#(family)"\#(isBold ? #" font-weight="600""# : "") fill="\#(fill)" text-anchor="middle"\#(press)>\#(text.escapedForXML)</text>"#
        )
    }

    /// The file's text. It has a background of its own, so it can be read on a dark page too.
    var svg: String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" width="\(width)" height="\(height)" role="img">
        <title>\(title.escapedForXML)</title>
        <defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#5b6b7f"/></marker></defs>
        <rect width="\(width)" height="\(height)" rx="8" fill="#ffffff"/>
        \(shapes.joined(separator: "\n"))
        </svg>

        """
    }
}

extension String {
    /// The text as it may stand in an element or an attribute.
    var escapedForXML: String {
        var result = ""
        for character in self {
            switch character {
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
        return result
    }
}
