// The session of README's first picture: two guests on one wire, what is typed into them, and what they answer.

import Foundation

/// A guest with a keyboard and a screen.
private final class Terminal: @unchecked Sendable {
    private let process = Process()
    private let keyboard = Pipe()
    private let lock = NSCondition()
    private let start: Date
    private var text = ""
    private var read = 0
    private var kept: [Recording.Piece] = []

    /// Boots the guest of this number; its disk is a fresh copy in `folder`.
    init(_ number: Int, folder: URL, start: Date) throws {
        self.start = start
        let image = folder.appendingPathComponent("fs-\(number).img").path
        try FileManager.default.copyItem(atPath: "build/fs.img", toPath: image)
        let screen = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // Whatever ends this program ends its guest.
        process.arguments = ["setpriv", "--pdeathsig", "KILL", "timeout", "120", "qemu/start"]
        process.environment = [
            "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "", "FSIMG": image, "NET": "socket",
            "GUEST": "\(number)",
            "IP": "10.0.0.\(number)/24",
        ]
        process.standardInput = keyboard
        process.standardOutput = screen
        process.standardError = screen
        try process.run()
        screen.fileHandleForReading.readabilityHandler = { [weak self] handle in
            self?.take(String(decoding: handle.availableData.filter { $0 != 13 }, as: UTF8.self))
        }
    }

    private func take(_ piece: String) {
        lock.withLock {
            text += piece
            kept.append(Recording.Piece(time: Date().timeIntervalSince(start), text: piece))
            lock.broadcast()
        }
    }

    /// Waits until a text was printed behind what was waited for before.
    func wait(for wanted: String) throws {
        let deadline = Date(timeIntervalSinceNow: 60)
        try lock.withLock {
            while true {
                if let place = text.dropFirst(read).range(of: wanted) {
                    read = text.distance(from: text.startIndex, to: place.upperBound)
                    return
                }
                guard lock.wait(until: deadline) else {
                    throw SiteError("the guest did not print \"\(wanted)\" within a minute. Its console:\n\(text)")
                }
            }
        }
    }

    /// Types a line as fast as a person does.
    func type(_ line: String) {
        Thread.sleep(forTimeInterval: 0.6)
        for byte in line.utf8 {
            keyboard.fileHandleForWriting.write(Data([byte]))
            Thread.sleep(forTimeInterval: 0.05)
        }
        Thread.sleep(forTimeInterval: 0.2)
        keyboard.fileHandleForWriting.write(Data([10]))
    }

    /// Waits until the machine is off; what was shown, from the kernel's first line on.
    func end(command: String) -> [Recording.Piece] {
        process.waitUntilExit()
        return lock.withLock {
            guard let banner = text.range(of: "Swiftlet on") else { return [] }
            // The firmware says a page before.
            var skipped = text.distance(from: text.startIndex, to: banner.lowerBound)
            var pieces = [Recording.Piece(time: 0, text: "$ \(command)\n")]
            for piece in kept where !piece.text.isEmpty {
                let rest = piece.text.dropFirst(skipped)
                skipped = max(0, skipped - piece.text.count)
                if !rest.isEmpty { pieces.append(Recording.Piece(time: piece.time, text: String(rest))) }
            }
            return pieces
        }
    }
}

/// Two guests that talk with each other, recorded.
public enum Session {
    /// Boots both, types, and returns the picture.
    /// - Throws: when a guest does not answer as it should.
    public static func record() throws -> String {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "swiftlet-session-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let start = Date()
        let one = try Terminal(1, folder: folder, start: start), two = try Terminal(2, folder: folder, start: start)
        for guest in [one, two] { try guest.wait(for: "\n$ ") }
        one.type("ping -c 3 10.0.0.2")
        try one.wait(for: "rtt")
        try one.wait(for: "\n$ ")
        two.type("nc -l 7000 > letter")
        one.type("ls | grep sh | nc -w 1 10.0.0.2 7000")
        try one.wait(for: "\n$ ")
        try two.wait(for: "\n$ ")
        two.type("cat letter")
        try two.wait(for: "\n$ ")
        two.type("arp")
        try two.wait(for: "\n$ ")
        for guest in [one, two] { guest.type("halt") }
        let shown = [one, two].enumerated().map { number, guest in
            guest.end(command: "make qemu NET=socket GUEST=\(number + 1) IP=10.0.0.\(number + 1)/24")
        }
        return Recording(shown).svg(
            title: "Two Swiftlet guests boot, ping each other and send a file", captions: ["guest 1", "guest 2"])
    }
}
