# Rounds of a loop in one or more processes that begin together.
defmodule Rounds do
  @rounds 7

  # `loop.(process, n)` does n operations. The time of a round is that of the slowest process.
  def run(row, contender, processes, n, loop) do
    loop.(0, div(n, 10))
    for _ <- 1..@rounds, do: print(row, contender, round(processes, n, loop) / n)
    :ok
  end

  def print(row, contender, value) do
    IO.puts(Enum.join([row, contender, :erlang.float_to_binary(value * 1.0, decimals: 2)], "\t"))
  end

  def now, do: :erlang.monotonic_time(:nanosecond)

  defp round(processes, n, loop) do
    me = self()

    workers =
      for i <- 0..(processes - 1) do
        spawn_link(fn ->
          receive do: (:go -> :ok)
          begin = now()
          loop.(i, n)
          send(me, {self(), now() - begin})
        end)
      end

    for worker <- workers, do: send(worker, :go)
    Enum.max(for worker <- workers, do: (receive do: ({^worker, time} -> time)))
  end
end
