// The session of README's first picture: two guests on one wire, what is typed into them, and what they answer.

import Foundation
import HostGuest

/// A guest that is recorded.
private final class Recorded {
    /// What it showed, and when.
    private final class Film: @unchecked Sendable {
        private let lock = NSLock()
        private var kept: [Recording.Piece] = []
        private let start: Date

        init(since start: Date) { self.start = start }
        func add(_ text: String) {
            let time = Date().timeIntervalSince(start)
            lock.withLock { kept.append(Recording.Piece(time: time, text: text)) }
        }
        var pieces: [Recording.Piece] { lock.withLock { kept } }
    }

    private let guest: GuestMachine
    private let film: Film

    /// Boots the guest of this number.
    init(_ number: Int, since start: Date) throws {
        let film = Film(since: start)
        self.film = film
        guest = try GuestMachine(
            root: URL(fileURLWithPath: "."),
            environment: ["NET": "socket", "GUEST": "\(number)", "IP": "10.0.0.\(number)/24"], shown: film.add)
    }

    /// Waits until a text was printed behind what was waited for before.
    func wait(for wanted: String) throws {
        guard guest.wait(for: wanted, seconds: 60) != nil else {
            throw SiteError("the guest did not print \"\(wanted)\" within a minute. Its console:\n\(guest.transcript)")
        }
    }

    /// Types a line as fast as a person does.
    func type(_ line: String) {
        Thread.sleep(forTimeInterval: 0.6)
        for character in line {
            guest.type(String(character))
            Thread.sleep(forTimeInterval: 0.05)
        }
        Thread.sleep(forTimeInterval: 0.2)
        guest.type("\n")
    }

    /// Waits until the machine is off; what was shown, from the kernel's first line on.
    func end(command: String) throws -> [Recording.Piece] {
        guard guest.waitForEnd(seconds: 60), let banner = guest.transcript.range(of: "Swiftlet on") else {
            throw SiteError("the guest did not power off. Its console:\n\(guest.transcript)")
        }
        // The firmware says a page before.
        var skipped = guest.transcript.distance(from: guest.transcript.startIndex, to: banner.lowerBound)
        var pieces = [Recording.Piece(time: 0, text: "$ \(command)\n")]
        for piece in film.pieces where !piece.text.isEmpty {
            let rest = piece.text.dropFirst(skipped)
            skipped = max(0, skipped - piece.text.count)
            if !rest.isEmpty { pieces.append(Recording.Piece(time: piece.time, text: String(rest))) }
        }
        return pieces
    }
}

/// Two guests that talk with each other, recorded.
public enum Session {
    /// Boots both, types, and returns the picture.
    /// - Throws: when a guest does not answer as it should.
    public static func record() throws -> String {
        let start = Date()
        let one = try Recorded(1, since: start), two = try Recorded(2, since: start)
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
        let shown = try [one, two].enumerated().map { number, guest in
            try guest.end(command: "make qemu NET=socket GUEST=\(number + 1) IP=10.0.0.\(number + 1)/24")
        }
        return Recording(shown).svg(
            title: "Two Swiftlet guests boot, ping each other and send a file", captions: ["guest 1", "guest 2"])
    }
}
