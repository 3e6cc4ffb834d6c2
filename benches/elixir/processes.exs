# GenServer and DynamicSupervisor on the rows of the comparison: prints row, contender and value, one round to a line.
#
#     elixir processes.exs

Code.require_file("rounds.exs", __DIR__)
Logger.configure(level: :none)

defmodule Echo do
  use GenServer

  def start_link(options), do: GenServer.start_link(__MODULE__, options, Keyword.take(options, [:name]))

  def init(options) do
    if options[:up], do: send(options[:up], {:up, self()})
    {:ok, nil}
  end

  def handle_call(:ping, _from, state), do: {:reply, 1, state}
  def handle_cast(:crash, _state), do: raise("told to")
end

defmodule Processes do
  def call(_server, 0), do: :ok

  def call(server, n) do
    1 = GenServer.call(server, :ping)
    call(server, n - 1)
  end

  def look_up_and_call(_key, 0), do: :ok

  def look_up_and_call(key, n) do
    [{server, _}] = Registry.lookup(Names, key)
    1 = GenServer.call(server, :ping)
    look_up_and_call(key, n - 1)
  end

  def start(_supervisor, 0), do: :ok

  def start(supervisor, n) do
    {:ok, _} = DynamicSupervisor.start_child(supervisor, {Echo, []})
    start(supervisor, n - 1)
  end

  # The name is the next process's when its init runs.
  def crash(_server, 0), do: :ok

  def crash(server, n) do
    GenServer.cast(server, :crash)
    receive do: ({:up, next} -> crash(next, n - 1))
  end
end

{:ok, _} = Registry.start_link(keys: :unique, name: Names, partitions: System.schedulers_online())
named = fn key -> {:via, Registry, {Names, {:production, key}}} end

{:ok, echo} = Echo.start_link(name: named.(:echo))
Rounds.run("call", "Elixir", 1, 40_000, fn _, n -> Processes.call(echo, n) end)

Rounds.run("look up and call", "Elixir", 1, 40_000, fn _, n ->
  Processes.look_up_and_call({:production, :echo}, n)
end)

for size <- [1_000, 100_000] do
  me = self()

  # A process of its own owns the supervisor: stopping 100,000 children in order takes this release minutes, so that it is
  # killed instead.
  owner =
    spawn(fn ->
      {:ok, supervisor} = DynamicSupervisor.start_link(strategy: :one_for_one)
      :erlang.garbage_collect()
      before = :erlang.memory(:total)
      Processes.start(supervisor, size)
      Rounds.print("bytes per child n=#{size}", "Elixir", (:erlang.memory(:total) - before) / size)

      for _ <- 1..5 do
        begin = Rounds.now()
        Processes.start(supervisor, 500)
        Rounds.print("start child among n=#{size}", "Elixir", (Rounds.now() - begin) / 500)
      end

      if size == 1_000 do
        begin = Rounds.now()
        DynamicSupervisor.stop(supervisor, :normal, :infinity)
        Rounds.print("stop all children, each n=#{size}", "Elixir", (Rounds.now() - begin) / (size + 2_500))
      end

      send(me, :done)
      Process.sleep(:infinity)
    end)

  receive do: (:done -> :ok)
  Process.exit(owner, :kill)
end

{:ok, supervisor} = DynamicSupervisor.start_link(strategy: :one_for_one, max_restarts: 10_000_000, max_seconds: 1)
{:ok, victim} = DynamicSupervisor.start_child(supervisor, {Echo, [name: named.(:victim), up: self()]})
receive do: ({:up, ^victim} -> :ok)

{_, _} =
  Enum.map_reduce(1..7, victim, fn _, _ ->
    [{server, _}] = Registry.lookup(Names, {:production, :victim})
    begin = Rounds.now()
    Processes.crash(server, 300)
    Rounds.print("panic to new incarnation", "Elixir", (Rounds.now() - begin) / 300)
    {:ok, server}
  end)
