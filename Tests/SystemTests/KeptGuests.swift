// What is left of guests whose test failed: their consoles are printed, their folders kept.

import Foundation
import Testing

/// The guests of one test, or of one case of it.
final class KeptGuests: @unchecked Sendable {
    @TaskLocal static var current: KeptGuests?

    private let lock = NSLock()
    private var hasFailed = false
    /// The test's name when it is over.
    private var name: String?
    private var guests: [(folder: URL, console: String)] = []

    func fail() { lock.withLock { hasFailed = true } }

    /// Takes what a guest leaves.
    func add(_ folder: URL, console: String) {
        lock.withLock {
            guests.append((folder, console))
            settle()
        }
    }

    /// Prints what the guests of a test that failed have printed; else removes their folders. The thread that reads a
    /// screen may be the last that knows a guest, so that one may still come.
    func end(_ name: String) {
        lock.withLock {
            self.name = name
            settle()
        }
    }

    private func settle() {
        guard let name else { return }
        for (folder, console) in guests {
            if hasFailed {
                print("A guest of \(name). Kept: \(folder.path). The console:\n\(console)\n")
            } else {
                try? FileManager.default.removeItem(at: folder)
            }
        }
        guests = []
    }
}

/// What every suite has that starts guests. An `#expect` does not know them, so that the test says it for all.
struct KeepsGuests: TestTrait, SuiteTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void)
        async throws
    {
        let guests = KeptGuests()
        defer { guests.end(test.name) }
        let watch: IssueHandlingTrait = .compactMapIssues { issue in
            if issue.severity == .error { guests.fail() }
            return issue
        }
        try await watch.provideScope(for: test, testCase: testCase) {
            do {
                try await KeptGuests.$current.withValue(guests) { try await function() }
            } catch {
                guests.fail()
                throw error
            }
        }
    }
}

extension Trait where Self == KeepsGuests {
    static var keepsGuests: Self { KeepsGuests() }
}
