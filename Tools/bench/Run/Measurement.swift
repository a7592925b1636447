// The table: every operation measured twice, beside its target and what others take for it.

import BenchReport
import ELF
import Foundation

struct Measurement {
    private var baseline: Results?
    private var output: String?
    private var isOnce = false
    private var cards = ["virtio"]
    private var operations: [String] = []

    /// Operations of the network; all others are measured without a peer.
    static let network: Set = [
        "echo-56", "echo-1400", "udp-send-64", "udp-send-1470", "udp-receive-64", "udp-receive-1470", "burst", "flood",
    ]

    init(_ arguments: [String]) throws {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            func value() throws -> String {
                guard let value = rest.popFirst() else { throw BenchError("\(argument) wants a value") }
                return value
            }
            switch argument {
            case "--baseline":
                let path = try value()
                guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                    throw BenchError("\(path): cannot be read")
                }
                baseline = Results(text)
            case "--output": output = try value()
            case "--once": isOnce = true
            case "--cards": cards = try value().split(separator: ",").map(String.init)
            default: operations.append(argument)
            }
        }
    }

    func run() throws -> Int32 {
        let reference = "Documentation/bench/reference.tsv"
        guard let text = try? String(contentsOfFile: reference, encoding: .utf8) else {
            throw BenchError("\(reference): cannot be read")
        }
        let references = Reference.parse(text)
        var runs = Runs(try measureAll(operations))
        if !isOnce {
            runs.add(try measureAll(operations))
            // What the host's other work has a say in is measured again until the two least numbers agree.
            for _ in 0..<Self.mostRepetitions {
                let rows = Table.rows(references, runs.least, again: runs.second, baseline: baseline)
                let restless = Set(
                    rows.filter { $0.wavers || $0.isWorse }.compactMap { operation(of: $0.reference.name) })
                if restless.isEmpty { break }
                runs.add(try measureAll(restless.sorted()))
            }
        }
        let results = runs.least
        let flushes = isOnce ? nil : try eachMachine(operations) { try Machine.flushes($0, card: $1) }
        let rows = Table.rows(
            references, results, again: isOnce ? nil : runs.second, baseline: baseline, flushes: flushes)
        print(
            """
            Guest instructions for one operation, one hart, idle time left out. "flushes": of the TLB, as QEMU counts them. "better": times
            better than the best of the others.

            """)
        print(Table.text(rows), terminator: "")
        if let output {
            try results.text("Written by `make bench`: guest instructions an operation.").write(
                toFile: output, atomically: true, encoding: .utf8)
            print("\nKept in \(output); `make bench BASELINE=\(output)` compares with it.")
        }
        let worse = rows.filter(\.isWorse)
        if !worse.isEmpty { print("\nWorse than the baseline: " + worse.map(\.reference.name).joined(separator: ", ")) }
        return worse.isEmpty ? 0 : 1
    }

    private static let mostRepetitions = 8

    /// The operation that prints a result; nil when it is none of its own.
    private func operation(of name: String) -> String? {
        if name == "kernel-text" || name.hasPrefix("stack-") { return nil }
        guard let card = cards.first(where: { name.hasPrefix($0 + "-") }) else { return name }
        let rest = String(name.dropFirst(card.count + 1))
        return rest.hasPrefix("burst-") ? "burst" : rest.hasPrefix("flood-") ? "flood" : rest
    }

    /// Measures the operations on a machine without a peer and on one for each card.
    private func eachMachine(
        _ operations: [String], _ measure: ([String], String?) throws -> Results
    ) throws -> Results {
        var results = Results()
        let local = operations.filter { !Self.network.contains($0) }
        if operations.isEmpty || !local.isEmpty { results.merge(try measure(local, nil)) }
        let overCards = operations.isEmpty ? Self.network.sorted() : operations.filter(Self.network.contains)
        for card in cards where !overCards.isEmpty { results.merge(try measure(overCards, card)) }
        return results
    }

    private func measureAll(_ operations: [String]) throws -> Results {
        var results = try eachMachine(operations) { try Machine.measure($0, card: $1) }
        if operations.isEmpty { results["kernel-text"] = try Self.kernelText() }
        return results
    }

    private static func kernelText() throws -> Int {
        guard let data = FileManager.default.contents(atPath: "build/swiftlet.elf") else {
            throw BenchError("build/swiftlet.elf is missing")
        }
        let image = try ELFImage(data)
        guard let start = image.address(of: "kernel_start"), let end = image.address(of: "kernel_text_end") else {
            throw BenchError("build/swiftlet.elf: not linked with Linker/kernel.ld?")
        }
        return Int(end - start)
    }
}
