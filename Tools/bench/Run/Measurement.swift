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
                    rows.filter { $0.wavers || $0.isWorse }.compactMap {
                        Setting.operation(of: $0.reference.name, cards: cards)
                    })
                if restless.isEmpty { break }
                runs.add(try measureAll(restless.sorted()))
            }
        }
        let results = runs.least
        let flushes = isOnce ? nil : try eachMachine(operations) { try Machine.flushes($0, $1) }
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

    /// Measures the operations on a machine without a peer, and over each card.
    private func eachMachine(
        _ operations: [String], _ measure: ([String], Setting) throws -> Results
    ) throws -> Results {
        var results = Results()
        for setting in [.alone] + cards.flatMap(Setting.over) {
            let here = setting.operations(of: operations)
            guard !here.isEmpty || operations.isEmpty else { continue }
            if case .host = setting, !Setting.hasTap { continue }
            results.merge(try measure(here, setting))
        }
        return results
    }

    private func measureAll(_ operations: [String]) throws -> Results {
        var results = try eachMachine(operations) { try Machine.measure($0, $1) }
        if operations.isEmpty { results["kernel-text"] = try Self.kernelText() }
        return results
    }

    private static func kernelText() throws -> Int {
        guard let data = FileManager.default.contents(atPath: Machine.kernel) else {
            throw BenchError("\(Machine.kernel) is missing")
        }
        let image = try ELFImage(data)
        guard let start = image.address(of: "kernel_start"), let end = image.address(of: "kernel_text_end") else {
            throw BenchError("\(Machine.kernel): not linked with Linker/kernel.ld?")
        }
        return Int(end - start)
    }
}
