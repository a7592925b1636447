// The kernel's rooms know each other in one direction only, and a name stands for one thing.

import Testing

/// Names declared at the top level of a file that other files can use.
func declarations(in file: SourceFile, typesOnly: Bool = false) -> [String] {
    let kinds = typesOnly ? "struct|enum|class|protocol|typealias" : "struct|enum|class|protocol|typealias|func|var|let"
    let pattern = try! Regex<(Substring, Substring)>(
        "(?m)^(?:@\\w+(?:\\([^)]*\\))? )*(?:public |final )*(?:\(kinds)) (\\w+)")
    return file.code.matches(of: pattern).map { String($0.output.1) }
}

@Suite struct RoomTests {
    /// Modules of their own, which the compiler keeps from knowing the kernel, and the C header.
    private let outside: Set = ["Storage", "FileSystem", "Interface", "Machine"]

    /// For each room of the kernel, the rooms whose names it uses, each with an example.
    private func uses() -> [String: [String: String]] {
        var rooms: [String: [SourceFile]] = [:]
        for file in swiftFiles(below: "Kernel") {
            let room = String(file.path.split(separator: "/")[1])
            if !outside.contains(room) { rooms[room, default: []].append(file) }
        }
        var home: [String: String] = [:]
        for (room, files) in rooms { for name in files.flatMap({ declarations(in: $0) }) { home[name] = room } }
        var uses: [String: [String: String]] = [:]
        for (room, files) in rooms {
            for file in files {
                for word in Set(file.code.matches(of: #/[A-Za-z_]\w+/#).map { String($0.0) }) {
                    guard let other = home[word], other != room else { continue }
                    uses[room, default: [:]][other] = "\(word) in \(file.path)"
                }
            }
        }
        return uses
    }

    @Test func noTwoRoomsKnowEachOther() {
        let uses = uses()
        #expect(uses.count >= 10, "the rooms were not found")
        /// The first way back to `goal`, as rooms; nil if there is none.
        func way(from room: String, to goal: String, _ seen: inout Set<String>) -> [String]? {
            for next in (uses[room] ?? [:]).keys.sorted() {
                if next == goal { return [next] }
                if seen.insert(next).inserted, let rest = way(from: next, to: goal, &seen) { return [next] + rest }
            }
            return nil
        }
        for room in uses.keys.sorted() {
            var seen: Set<String> = []
            guard let circle = way(from: room, to: room, &seen) else { continue }
            var steps: [String] = []
            for (from, to) in zip([room] + circle, circle) { steps.append("\(from) uses \(uses[from]?[to] ?? "?")") }
            Issue.record("rooms in a circle: \(steps.joined(separator: "; "))")
        }
    }

    @Test func aTypeNameStandsForOneThing() {
        var places: [String: [String]] = [:]
        for folder in ["Kernel", "Drivers", "NetStack", "User/Library"] {
            for file in swiftFiles(below: folder) {
                for name in declarations(in: file, typesOnly: true) { places[name, default: []].append(file.path) }
            }
        }
        #expect(places.count > 200, "the types were not found")
        for (name, files) in places.sorted(by: { $0.key < $1.key }) where Set(files).count > 1 {
            Issue.record("\(name) stands for more than one thing: \(files.joined(separator: ", "))")
        }
    }

    @Test func aFileNameStandsForOneFile() {
        var places: [String: [String]] = [:]
        for folder in ["Kernel", "Drivers", "NetStack", "User/Library"] {
            for file in swiftFiles(below: folder) { places[file.name, default: []].append(file.path) }
        }
        for (name, files) in places.sorted(by: { $0.key < $1.key }) where files.count > 1 {
            Issue.record("\(name) is more than one file: \(files.joined(separator: ", "))")
        }
    }
}
