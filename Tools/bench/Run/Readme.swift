// What README shows of a running system and says of its costs: made anew, or compared with what the system does now.

import BenchReport
import Foundation

struct Readme {
    private static let path = "README.md"
    /// The first line of the transcript; the lines that begin with "$ " behind it are what is typed.
    private static let first = "    $ make qemu"
    private static let last = "    $ halt"
    /// How far figures in the text may be from what is measured, in percent.
    private static let tolerance = 10

    private let text: String

    /// Rewrites the transcript and the figures; or, to check them, prints what is not as it should be and returns 1.
    static func run(isCheck: Bool) throws -> Int32 {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw BenchError("\(path): cannot be read")
        }
        let readme = Readme(text: text)
        let transcript = try readme.makeTranscript()
        let figures = try measure()
        if isCheck { return try readme.check(transcript, figures) }
        try readme.replaced(transcript, figures).write(toFile: path, atomically: true, encoding: .utf8)
        return 0
    }

    // MARK: The transcript

    private func transcriptRange() throws -> Range<String.Index> {
        guard let start = text.range(of: Self.first + "\n"),
            let end = text.range(of: Self.last + "\n", range: start.upperBound..<text.endIndex)
        else { throw BenchError("\(Self.path): there is no transcript from \"\(Self.first)\" to \"\(Self.last)\"") }
        return start.lowerBound..<end.upperBound
    }

    /// Types what the transcript types into a guest on a fresh copy of the disk image.
    private func makeTranscript() throws -> String {
        let commands = try text[transcriptRange()].split(separator: "\n").filter { $0.hasPrefix("    $ ") }
            .dropFirst().map { String($0.dropFirst(6)) }
        let console = try Machine.type(commands)
        guard let banner = console.range(of: "Swiftlet on"),
            let greeting = console.split(separator: "\n").first(where: { $0.hasPrefix("Quit with") })
        else { throw BenchError("the guest did not start. Its console:\n\(console)") }
        let shown =
            ["$ make qemu", String(greeting), "..."]
            + console[banner.lowerBound...]
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        return shown.map { $0.isEmpty ? "" : "    " + $0 }.reversed().drop { $0.isEmpty }.reversed()
            .joined(separator: "\n") + "\n"
    }

    /// Times are those of one run.
    private static func withoutTimes(_ text: some StringProtocol) -> String {
        String(text).replacing(#/time=[0-9.]+/#, with: "time=T").replacing(#/time [0-9]+ms/#, with: "time T")
            .replacing(#/= [0-9.]+(/[0-9.]+)+ ms/#, with: "= T")
    }

    // MARK: The figures

    private static func measure() throws -> [Int] {
        var results = try Machine.measure(["getpid", "fork-exec-wait"], .alone)
        results.mergeGreatest(try Machine.measure(["echo-56"], .wire(card: "virtio")))
        return try ["getpid", "fork-exec-wait", "virtio-echo-56"].map {
            guard let value = results[$0] else { throw BenchError("\($0) was not measured") }
            return value
        }
    }

    /// Two digits that count.
    private static func rounded(_ value: Int) -> String {
        var unit = 1
        while value / unit >= 100 { unit *= 10 }
        let number = (value + unit / 2) / unit * unit
        return number < 1000 ? "\(number)" : "\(number / 1000)," + String("\(number % 1000 + 1000)".dropFirst())
    }

    private static var sentence: Regex<(Substring, Substring, Substring, Substring)> {
        #/A null system call takes about ([0-9,]+) instructions, fork \+ exec \+ wait ([0-9,]+), an echo reply ([0-9,]+)\./#
    }

    private func replaced(_ transcript: String, _ figures: [Int]) throws -> String {
        let numbers = figures.map(Self.rounded)
        return text.replacingCharacters(in: try transcriptRange(), with: transcript).replacing(
            Self.sentence,
            with:
                "A null system call takes about \(numbers[0]) instructions, fork + exec + wait \(numbers[1]), an echo reply \(numbers[2])."
        )
    }

    private func check(_ transcript: String, _ figures: [Int]) throws -> Int32 {
        var status: Int32 = 0
        let kept = Self.withoutTimes(text[try transcriptRange()]), now = Self.withoutTimes(transcript)
        if kept != now {
            print("\(Self.path) shows:\n\(kept)\nThe system does, times left out:\n\(now)")
            status = 1
        }
        guard let match = text.firstMatch(of: Self.sentence) else {
            throw BenchError("\(Self.path): the sentence with the figures is missing")
        }
        let words = [match.1, match.2, match.3]
        for (word, value) in zip(words, figures) {
            let said = Int(word.filter(\.isNumber)) ?? 0
            if abs(said - value) * 100 > value * Self.tolerance {
                print("\(Self.path) says \(word) instructions; now it is \(value)")
                status = 1
            }
        }
        print(status == 0 ? "\(Self.path) is as it should be" : "`make readme` puts it right")
        return status
    }
}
