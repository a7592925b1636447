// A journey: what runs, room after room, from a cause to its effect. Documentation/Journeys.md has each as a table; its picture
// is drawn from that table, so the two never say different things.

import Foundation

/// A table of Documentation/Journeys.md, and the picture under it.
public struct Journey {
    struct Step {
        let room: String
        let function: String
        let does: String
    }

    /// The heading.
    public let title: String
    /// The picture's file name, without a folder.
    public let picture: String
    let steps: [Step]

    /// Reads all journeys of a page: a heading, a table of three columns, and a picture.
    /// - Throws: a journey that lacks one of them.
    public static func all(in page: String) throws(SiteError) -> [Journey] {
        var journeys: [Journey] = []
        for section in page.components(separatedBy: "\n## ").dropFirst() {
            let lines = section.split(separator: "\n").map(String.init)
            let title = lines.first ?? ""
            let rows = lines.filter { $0.hasPrefix("| ") }.map { line in
                line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            }
            guard rows.count > 2, rows.allSatisfy({ $0.count == 3 }) else {
                throw SiteError("Journeys.md, \(title): a table of a room, a function and what it does is wanted")
            }
            guard let place = section.range(of: "](pictures/"),
                let end = section[place.upperBound...].firstIndex(of: ")")
            else { throw SiteError("Journeys.md, \(title): no picture") }
            // The first row is the table's heading.
            let steps = rows.dropFirst().map { row in
                Step(room: row[0], function: row[1].replacingOccurrences(of: "`", with: ""), does: row[2])
            }
            journeys.append(
                Journey(title: title, picture: String(section[place.upperBound..<end]), steps: Array(steps)))
        }
        return journeys
    }

    private static let laneWidth = 184
    private static let rowHeight = 66
    private static let boxHeight = 46

    /// The picture: a column a room, a row a step.
    public var svg: String {
        var rooms: [String] = []
        for step in steps where !rooms.contains(step.room) { rooms.append(step.room) }
        let width = rooms.count * Self.laneWidth + 16
        let height = 48 + steps.count * Self.rowHeight
        var picture = Picture(width: width, height: height, title: title)
        for (lane, room) in rooms.enumerated() {
            let x = 8 + lane * Self.laneWidth
            picture.rectangle(
                x: x + 3, y: 8, width: Self.laneWidth - 6, height: height - 16,
                fill: lane % 2 == 0 ? "#f2f5f9" : "#e9eef5",
                radius: 6)
            picture.text(
                room, x: x + Self.laneWidth / 2, y: 28, size: 14, fill: "#3a5a8c", isBold: true,
                limit: Self.laneWidth - 20)
        }
        for (row, step) in steps.enumerated() {
            let lane = rooms.firstIndex(of: step.room) ?? 0
            let (x, y) = (8 + lane * Self.laneWidth, 42 + row * Self.rowHeight)
            let middle = x + Self.laneWidth / 2
            if row > 0 {
                let from = 8 + (rooms.firstIndex(of: steps[row - 1].room) ?? 0) * Self.laneWidth + Self.laneWidth / 2
                let top = y - Self.rowHeight + Self.boxHeight
                let turn = top + (Self.rowHeight - Self.boxHeight) / 2
                picture.arrow(
                    from == middle
                        ? [(from, top), (middle, y - 1)] : [(from, top), (from, turn), (middle, turn), (middle, y - 1)]
                )
            }
            picture.rectangle(
                x: x + 8, y: y, width: Self.laneWidth - 16, height: Self.boxHeight, fill: "#ffffff", stroke: "#9db2cf",
                radius: 5)
            picture.text(
                step.function, x: middle, y: y + 16, size: 11, isCode: true, isBold: true, limit: Self.laneWidth - 26)
            let words = step.does.wrapped(at: 32)
            for (line, text) in words.prefix(2).enumerated() {
                picture.text(
                    text, x: middle, y: y + (words.count == 1 ? 34 : 29 + 12 * line), size: 10, fill: "#47566b",
                    limit: Self.laneWidth - 26)
            }
        }
        return picture.svg
    }
}

extension String {
    /// The text in lines of at most so many characters, cut between words. A second line takes all that is left.
    func wrapped(at width: Int) -> [String] {
        guard count > width, let space = prefix(width + 1).lastIndex(of: " ") else { return [self] }
        return [String(self[..<space]), String(self[index(after: space)...])]
    }
}
